"""The one way that messages leave: composed, written as a row, sent by a worker."""
