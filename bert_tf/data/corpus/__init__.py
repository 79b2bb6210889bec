"""Turns raw text into a store of tokenized sentences, and a store into pairs and masks."""
