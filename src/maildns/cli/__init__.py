"""The command line: parse, call one verb, show what came of it."""
