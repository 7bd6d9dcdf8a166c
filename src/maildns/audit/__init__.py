"""
The audit of a live domain: facts are gathered once, then judged by small rules.

`gather` is an inquiry (`maildns.audit.gathering`); what no DNS question can tell, a live mail
server's words or a policy file, comes in beside it. Rules see facts and nothing else
(`maildns.audit.registry`).
"""
