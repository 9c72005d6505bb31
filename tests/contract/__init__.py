"""What every vendor adapter must keep: the wire samples, the tables of errors, the ambiguities."""
