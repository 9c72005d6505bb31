"""The work of functions as a good engineer writes it by default: boto3, Powertools, pydantic, urllib3."""
