"""QGIS draws a layer file without a window: /usr/bin/python3 tests/qgisdraw.py FILE OUT JSON...

Needs QGIS's own Python, not the tests' one: standard library and PyQGIS only. Each JSON says what
to draw, {"crs": "EPSG:2056", "box": [xmin, ymin, xmax, ymax], "size": [width, height]}, written to
OUT0.png, OUT1.png and so on. Prints what QGIS makes of the layer, as JSON.
"""

import json
import sys
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsLayerDefinition,
    QgsMapLayer,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize


def draw(layer: QgsMapLayer, crs: str, box: list[float], size: list[int], path: str) -> list[str]:
    """Draw a layer and write the picture; return what went wrong."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(crs))
    settings.setExtent(QgsRectangle(*box))
    settings.setOutputSize(QSize(*size))
    settings.setTransformContext(QgsProject.instance().transformContext())
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)
    return [error.message for error in job.errors()]


def main(file: str, out: str, *wishes: str) -> None:
    """Load the file as dropping it on the map does, and draw."""
    application = QgsApplication([], False)
    application.initQgis()
    project = QgsProject.instance()
    loaded, message = QgsLayerDefinition.loadLayerDefinition(file, project, project.layerTreeRoot())
    assert loaded, message
    (layer,) = project.mapLayers().values()
    found: dict[str, Any] = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "crs valid": layer.crs().isValid(),
        "extent": [getattr(layer.extent(), edge)() for edge in EDGES],
    }
    found["errors"] = [
        draw(layer, **json.loads(wish), path=f"{out}{number}.png")
        for number, wish in enumerate(wishes)
    ]
    print(json.dumps(found))
    project.clear()
    application.exitQgis()


EDGES = ("xMinimum", "yMinimum", "xMaximum", "yMaximum")

if __name__ == "__main__":
    main(*sys.argv[1:])
