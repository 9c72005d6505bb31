"""Doubles of the ports. Each passes the contract test that its real counterpart passes."""
