"""From the bytes of an uploaded file to payments, or to what is wrong with it."""

from apps.bulk.reading.fields import BatchHead, Item, Sink
from apps.bulk.reading.problems import ProblemList, ReadingStopped
from apps.bulk.reading.recognise import read_payment_file

__all__ = ["BatchHead", "Item", "ProblemList", "ReadingStopped", "Sink", "read_payment_file"]
