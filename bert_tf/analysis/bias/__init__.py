"""Whom a model treats differently: measures of masked LMs, of embeddings, of classifiers."""
