"""
The plan: desired records, ownership, diff, proof.

Everything here is pure: values and answers in, a plan out. Who reads the zone and
who writes it are ports that the faces bring along.
"""
