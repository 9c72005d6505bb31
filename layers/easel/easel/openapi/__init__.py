"""The description of the native HTTP API: OpenAPI 3.1, and a page for people to read."""
