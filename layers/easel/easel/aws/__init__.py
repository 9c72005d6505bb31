"""AWS behind the ports: one thin module per service."""
