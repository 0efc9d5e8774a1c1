"""From detections to slot readings: ordered alignment, shelf by shelf.

Pure functions: `locate_bay` finds where a planned bay lies in a picture that nobody has
calibrated, `read_bay` aligns what is seen with what is planned and says it slot by slot.
"""

from edge_agent.match.locate import locate_bay
from edge_agent.match.observed import Observed
from edge_agent.match.planned import PlannedBay
from edge_agent.match.pose import BayPose
from edge_agent.match.reading import BayReading, read_bay

__all__ = ["BayPose", "BayReading", "Observed", "PlannedBay", "locate_bay", "read_bay"]
