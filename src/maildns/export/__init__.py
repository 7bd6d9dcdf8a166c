"""
The planned records as other programs and people want them: zone text, web forms, tools, a page.

Each format is a pure function of `ExportRecord` values; `files` alone writes to a disk.
"""
