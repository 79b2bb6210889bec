"""What breaks a model: expected behaviour, attacks on characters and words, back doors."""
