"""Scores that fields have agreed on, as their own scripts compute them."""
