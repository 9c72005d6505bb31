"""Front doors: the wire formats that callers speak to Easel."""
