"""Documents from files, folders, standard input and data sets, in a fixed order, read lazily."""

from .corpus import Corpus, open_corpus
from .document import Document

__all__ = ["Corpus", "Document", "open_corpus"]
