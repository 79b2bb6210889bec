"""WordPiece tokenization in the graph (Wu et al., 2016; Devlin et al., 2019).

Ids and character offsets equal those of transformers' BertTokenizerFast: cleaning,
Chinese characters, accents, lower-casing, punctuation, pieces, and the limit of 100
characters a word. (Two adjacent combining marks that take space keep their order
here; canonical order would swap a few such pairs of rare scripts.)

google-research/bert's tokenization.py, with which BERT was trained, differs from both:
  * special pieces written in the text are always split ("[", "mask", "]");
    Hugging Face keeps them unless asked not to, here `keep_special_tokens` decides;
  * a capital sigma at the end of a word becomes a final ς there, here σ;
  * private-use characters make a word unknown there, here they are dropped;
  * a word may have 200 characters there, here 100;
  * U+2B820 to U+2B91F are Chinese characters there, here letters;
  * categories are those of the running Python there, here those of Unicode 8;
  * lines of vocab.txt are stripped of spaces there, here they are kept as they are.
"""

from bert_tf.tokenization.tokenizer import BertTokenizer, tflite_ops
from bert_tf.tokenization.vocabulary import read_vocab, write_vocab

__all__ = ["BertTokenizer", "read_vocab", "tflite_ops", "write_vocab"]
