"""A second look at the part of the picture where people are small, while there is time for it.

The detector sees a picture shrunk to its input, and people below some 24 pixels there are found rarely. A window of the
picture that is about as large as the detector's input need not be shrunk: the same people stand two to four times as
tall. `docs/design/models.md` has what that gains and costs.
"""

from edge.farsight.look import FarSight, far_sighted
from edge.farsight.slack import Slack

__all__ = ["FarSight", "Slack", "far_sighted"]
