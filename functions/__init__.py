"""The Lambda handlers, a folder each, and the workflow that calls them. Not deployed as a package."""
