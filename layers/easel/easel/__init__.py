"""Easel: one API over every vendor of Qwen-Image. The layer that all functions share."""
