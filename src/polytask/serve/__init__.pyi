from .app import create_app
from .settings import Limits, ServeSettings

__all__ = ["Limits", "ServeSettings", "create_app"]
