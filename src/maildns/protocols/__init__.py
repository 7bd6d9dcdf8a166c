"""The protocols of mail in the DNS, one folder for each, to be read with its RFC beside it."""
