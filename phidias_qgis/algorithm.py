"""The one algorithm class: every process of the gateway is an instance, made from its description."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
)
from qgis.PyQt.QtGui import QIcon

from backend_client import Cancelled, GatewayError, Job, ProcessDescription
from phidias_qgis import connection, estimates, later, outputs, parameters, paths, rendering
from phidias_qgis.area import is_geojson
from phidias_qgis.execution import Execution, JobEndedBadly
from phidias_qgis.i18n import tr
from phidias_qgis.inputs import Entered, Input, InputProblem, described
from phidias_qgis.job_layers import layers_of
from phidias_qgis.outputs import Delivery, Output
from phidias_qgis.rasters import address

if TYPE_CHECKING:
    from backend_client import Gateway

CONNECTION = "CONNECTION"
DO_NOT_WAIT = "DO_NOT_WAIT"
JOB_ID = "JOB_ID"


class ProcessAlgorithm(QgsProcessingAlgorithm):
    """A process of a gateway as a Processing algorithm; it runs there, and QGIS waits on a worker thread."""

    def __init__(self, description: ProcessDescription) -> None:
        super().__init__()
        self._description = description
        self._inputs = [Input.from_description(name, member) for name, member in description.inputs.items()]
        self._outputs = [Output.from_description(name, member) for name, member in description.outputs.items()]
        self._values: dict[str, Any] = {}
        self._connection: connection.Connection | None = None

    # What it is

    def createInstance(self) -> ProcessAlgorithm:
        return ProcessAlgorithm(self._description)

    def name(self) -> str:
        return algorithm_name(self._description.id)

    def displayName(self) -> str:
        return self._description.title

    def group(self) -> str:
        return self._description.group

    def groupId(self) -> str:
        return re.sub(r"[^a-z0-9]", "", self._description.group.lower())

    def tags(self) -> list[str]:
        return list(self._description.keywords)

    def icon(self) -> QIcon:
        return QIcon(self.svgIconPath())

    def svgIconPath(self) -> str:
        return str(paths.resource("icons", "phidias.svg"))

    def shortDescription(self) -> str:
        return html.escape(self._description.description)

    def shortHelpString(self) -> str:
        parts = [f"<p>{_lines(self._description.description)}</p>", f"<h3>{tr('Parameters')}</h3>"]
        for definition in self.parameterDefinitions():
            if definition.help():
                parts.append(f"<p><b>{html.escape(definition.description())}</b><br>{_lines(definition.help())}</p>")
        references = _references(self._description)
        if references:
            links = "".join(f'<li><a href="{target}">{target}</a></li>' for target in map(html.escape, references))
            parts.append(f"<h3>{tr('References')}</h3><ul>{links}</ul>")
        if self._description.version:
            parts.append(f"<p>{tr('Version {}').format(html.escape(self._description.version))}</p>")
        return "\n".join(parts)

    def initAlgorithm(self, configuration: Mapping[str, Any] | None = None) -> None:
        for target in self._inputs:
            for definition in parameters.make(target):
                self.addParameter(definition)
        self.addParameter(
            described(
                QgsProcessingParameterBoolean(DO_NOT_WAIT, tr("Do not wait for the result"), False),
                tr(
                    "Start the job and return its id at once. Results that are to be opened, or kept in a file, are "
                    "fetched when the job has ended; the panel 'PHIDIAS jobs' shows it."
                ),
                advanced=True,
            )
        )
        self.addParameter(connection_parameter())
        for output in self._outputs:
            outputs.add_to(self, output)
        self.addOutput(QgsProcessingOutputString(JOB_ID, tr("Job")))

    # Running it

    def checkParameterValues(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext
    ) -> tuple[bool, str]:  # refused here, nothing is submitted
        try:
            self._read(parameters, context)
            self._chosen(parameters, context)
        except (InputProblem, connection.NotConnected) as error:
            return False, str(error)
        obstacle = next(outputs.obstacles(self._outputs, parameters, context), "")
        return not obstacle, obstacle

    def prepareAlgorithm(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        # Layers and settings belong to the main thread, where this runs; processAlgorithm runs on another.
        try:
            self._values = self._read(parameters, context)
            self._connection = self._chosen(parameters, context)
            rendering.prepare()
        except (InputProblem, connection.NotConnected) as error:
            raise QgsProcessingException(str(error)) from None
        return True

    def processAlgorithm(
        self, parameters: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        if self._connection is None:
            raise QgsProcessingException(tr("The algorithm was not prepared."))
        results: dict[str, Any] = {}
        try:
            self._complete(feedback)
            execution = Execution(self._connection, self._description.id, feedback)
            job = execution.submit(self._values, estimate=estimates.offered(self._description))
            results[JOB_ID] = job.id
            if self.parameterAsBoolean(parameters, DO_NOT_WAIT, context):
                execution.leave(job, later.wanted(self._outputs, parameters, context))
                return results
            execution.follow(job)
            results.update(self._delivered(execution.gateway, job, parameters, context, feedback))
        except Cancelled:
            return results
        except (InputProblem, JobEndedBadly) as error:
            raise QgsProcessingException(str(error)) from None
        except GatewayError as error:
            raise QgsProcessingException(self._explained(error, results)) from None
        except OSError as error:
            text = tr("The result cannot be written: {}. It stays on the gateway; choose another place. Job: {}")
            raise QgsProcessingException(text.format(error, results.get(JOB_ID))) from None
        return results

    def _chosen(self, parameters: Mapping[str, Any], context: QgsProcessingContext) -> connection.Connection:
        """The connection that was asked for, else the default one. Raises NotConnected."""
        return connection.load(Entered(self, parameters, context).text(CONNECTION))

    def _delivered(
        self,
        gateway: Gateway,
        job: Job,
        parameters: Mapping[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        """The results of a job, brought into QGIS: the values of the algorithm's outputs."""
        found = gateway.results(job.id)
        job_layers = layers_of(self._connection.name, gateway, job, self.displayName(), found)
        delivery = Delivery(parameters, context, feedback, job_layers, self._layer_name)
        return {
            output.name: outputs.deliver(output, found[output.id], delivery)
            for output in self._outputs
            if output.id in found
        }

    def _read(self, parameters_: Mapping[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
        entered = Entered(self, parameters_, context)
        values = parameters.read(self._inputs, entered)
        for definition in self.parameterDefinitions():
            self._check(definition, entered)
        return values

    def _complete(self, feedback: QgsProcessingFeedback) -> None:
        """Read what takes too long for the main thread. Raises InputProblem, Cancelled."""
        self._values = parameters.complete(self._inputs, self._values, feedback)

    def _check(self, definition: QgsProcessingParameterDefinition, entered: Entered) -> None:
        """What QGIS itself has against a value. Raises InputProblem."""
        value = entered.parameters.get(definition.name(), definition.defaultValue())
        if definition.isDestination() or address(value) or is_geojson(value):
            return
        if not definition.checkValueIsAcceptable(value, entered.context):
            label = f"{definition.description()} ({definition.name()})"
            raise InputProblem(f"{label}: " + tr("'{}' cannot be used.").format(entered.text(definition.name())))

    def _explained(self, error: GatewayError, results: Mapping[str, Any]) -> str:
        target = next((target for target in self._inputs if target.id == error.input), None)
        text = f"{target.title} ({target.name}): {error}" if target else str(error)
        return f"{text}\n{tr('Job: {}').format(results[JOB_ID])}" if JOB_ID in results else text

    def _layer_name(self, output: Output) -> str:
        """What tells results apart on the map: the choice that an output is named after, such as NDVI."""
        choice = self._values.get(output.id)
        return choice if isinstance(choice, str) else f"{self.displayName()}: {output.title}"


def algorithm_name(process_id: str) -> str:
    """The name of the tool of a process, within the provider."""
    return re.sub(r"[^A-Za-z0-9_]", "", process_id)


def connection_parameter() -> QgsProcessingParameterDefinition:
    """Where the job runs. Left empty, a model or script runs wherever its user's default connection leads."""
    default = connection.default_name()
    label = tr("Connection (if none is chosen: {})").format(default) if default else tr("Connection")
    return described(
        QgsProcessingParameterEnum(CONNECTION, label, connection.names(), optional=True, usesStaticStrings=True),
        tr("The gateway that runs the job, by its name in Settings > Options > PHIDIAS."),
        advanced=True,
    )


def _lines(text: str) -> str:
    return html.escape(text).replace("\n\n", "<br><br>")


def _references(description: ProcessDescription) -> list[str]:
    entries = description.raw.get("metadata")
    return [
        str(entry["href"])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("role") == "reference" and entry.get("href")
    ]
