"""CloudWatch log groups and alarms, SNS topics."""

from collections.abc import Mapping
from typing import Any

from lab.clouds.aws.call import Call
from lab.clouds.aws.rules import arn, at_least_one, conflicts, json_document, matches, one_of
from lab.clouds.aws.services import tokens
from lab.clouds.aws.spec import Autoname, Found, TypeSpec

_RETENTION = (
    0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
_COMPARISONS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "GreaterThanUpperThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanThreshold",
)


def _refuse_log_group(call: Call) -> None:
    if call.old is None and call.find(tokens.LOG_GROUP, name=call.props["name"]):
        call.refuse("ResourceAlreadyExistsException", "The specified log group already exists")
    key = call.props.get("kmsKeyId")
    if key and call.changed("kmsKeyId") and not call.find(tokens.KMS_KEY, arn=key):
        call.refuse(
            "AccessDeniedException",
            f"The specified KMS key does not exist or is not allowed to be used with LogGroup"
            f" '{call.props['name']}' ({key})",
        )


def _refuse_alarm(call: Call) -> None:
    period = call.props.get("period")
    if period is not None and period not in (10, 20, 30) and (period < 60 or period % 60):
        call.refuse("ValidationError", f"Period must be 10, 20, 30 or a multiple of 60: {period}")
    if period is not None and period * call.props.get("evaluationPeriods", 1) > 604800:
        call.refuse("ValidationError", "Metrics cannot be checked across more than 7 days (EvaluationPeriods * Period)")
    datapoints = call.props.get("datapointsToAlarm")
    if datapoints and datapoints > call.props.get("evaluationPeriods", 1):
        call.refuse("ValidationError", "DatapointsToAlarm cannot be greater than EvaluationPeriods")
    for name in ("alarmActions", "okActions", "insufficientDataActions"):
        for action in call.props.get(name) or []:
            if action.startswith("arn:aws:sns:") and not call.find(tokens.SNS_TOPIC, arn=action):
                region = action.split(":")[3]
                call.refuse(
                    "ValidationError", f"Invalid use of an action: no topic {action} (alarm in {call.region}, {region})"
                )


def _refuse_topic(call: Call) -> None:
    fifo, name = bool(call.props.get("fifoTopic")), call.props["name"]
    if fifo != name.endswith(".fifo"):
        call.refuse("InvalidParameter", f"Invalid parameter: Topic Name: {name} (a FIFO topic's name ends with .fifo)")
    if call.old is None and call.find(tokens.SNS_TOPIC, name=name):
        call.refuse("InvalidParameter", f"Invalid parameter: Attributes Reason: Topic {name} already exists")


def _compared_with_something(inputs: Mapping[str, Any]) -> Found:
    names = ("metricName", "metricQueries", "evaluationCriteria")
    if not any(inputs.get(name) for name in names):
        yield "metricName", "Missing required argument: one of 'metricName' and 'metricQueries' must be specified"
    if inputs.get("metricName") and not (inputs.get("statistic") or inputs.get("extendedStatistic")):
        yield "statistic", "Missing required argument: one of 'statistic' and 'extendedStatistic' must be specified"


SPECS = (
    TypeSpec(
        token=tokens.LOG_GROUP,
        noun="CloudWatch Logs Log Group",
        service="CloudWatch Logs",
        create="CreateLogGroup",
        update="PutRetentionPolicy",
        id=lambda call: call.props["name"],
        arn="arn:aws:logs:{region}:{account}:log-group:{id}",
        replaces=frozenset({"name", "namePrefix", "logGroupClass"}),
        computed_inputs=frozenset({"logGroupClass"}),
        defaults={"logGroupClass": "STANDARD", "retentionInDays": 0, "skipDestroy": False},
        autoname=Autoname(longest=512),
        rules=(
            one_of("retentionInDays", *_RETENTION),
            one_of("logGroupClass", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY"),
            matches("name", r"[A-Za-z0-9._/#-]{1,512}", "at most 512 letters, digits and ._/#-"),
            arn("kmsKeyId"),
        ),
        refusals=(_refuse_log_group,),
    ),
    TypeSpec(
        token=tokens.METRIC_ALARM,
        noun="CloudWatch Metric Alarm",
        service="CloudWatch",
        create="PutMetricAlarm",
        update="PutMetricAlarm",
        delete="DeleteAlarms",
        id=lambda call: call.props["name"],
        arn="arn:aws:cloudwatch:{region}:{account}:alarm:{id}",
        replaces=frozenset({"name"}),
        computed_inputs=frozenset({"evaluateLowSampleCountPercentiles"}),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        autoname=Autoname(prefix_property=None),
        rules=(
            one_of("comparisonOperator", *_COMPARISONS),
            one_of("statistic", "Average", "Maximum", "Minimum", "SampleCount", "Sum"),
            one_of("treatMissingData", "breaching", "ignore", "missing", "notBreaching"),
            conflicts("statistic", "extendedStatistic"),
            conflicts("metricName", "metricQueries"),
            _compared_with_something,
        ),
        refusals=(_refuse_alarm,),
    ),
    TypeSpec(
        token=tokens.SNS_TOPIC,
        noun="SNS Topic",
        service="SNS",
        create="CreateTopic",
        update="SetTopicAttributes",
        id=lambda call: call.arn("sns", call.props["name"]),
        replaces=frozenset({"name", "namePrefix", "fifoTopic"}),
        computed_inputs=frozenset({"policy", "signatureVersion", "tracingConfig"}),
        defaults={"fifoTopic": False, "contentBasedDeduplication": False},
        autoname=Autoname(longest=256),
        rules=(
            json_document("policy"),
            matches("name", r"[A-Za-z0-9_-]{1,251}(\.fifo)?", "at most 256 letters, digits, - and _"),
            at_least_one("name"),
        ),
        refusals=(_refuse_topic,),
        compute=lambda call: {"arn": call.id, "owner": call.account, "beginningArchiveTime": ""},
    ),
)
