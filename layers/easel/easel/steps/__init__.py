"""The use cases, one file each, as plain functions of the ports."""
