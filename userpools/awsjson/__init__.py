"""AWS JSON 1.1 as parts of Django REST framework; knows no pools and no settings."""

from userpools.awsjson.configuration import Configuration, configure, current

__all__ = ["Configuration", "configure", "current"]
