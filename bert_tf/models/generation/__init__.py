"""The parts of `models.decoding`, which generates texts."""
