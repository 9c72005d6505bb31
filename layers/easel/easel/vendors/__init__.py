"""Vendor adapters, one file each: build a request, read a response, nothing else."""
