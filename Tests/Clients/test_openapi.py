"""The server's own OpenAPI document against its own answers, by schemathesis: the same cases in every run.

Half of the cases get the ids of real resources, since random ones hit nothing. `positive_data_acceptance` is left out: a
body can fit its schema and still be refused, for an unknown configuration or an address that is not of its channel's form.
"""

import dataclasses
import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance)

from harness import ANSWER_SECONDS, CONFIGURATIONS, DELIVERIES, LISTENERS, PAUSES, Server, a_configuration, fresh_number, sms

# Nobody listens there. All URLs of the cases lead to it, so that nothing leaves the machine.
NOWHERE = "https://127.0.0.1:9"
CASES_PER_OPERATION = 15
METHODS = {"get", "put", "post", "patch", "delete"}
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance, response_headers_conformance]

# What the document must have, by the published operationIds; a new operation is added here and is then tried like the others.
OPERATIONS = [
    "ListConfiguration", "CreateConfiguration", "FetchConfiguration", "FetchOperationStatus", "ListConversationByAccount",
    "CreateConversationWithConfig", "FetchConversation", "UpdateConversationById", "PatchConversationById",
    "ListParticipantByConversation", "CreateParticipantInConversation", "FetchParticipant", "UpdateParticipantInConversation",
    "ListDelivery", "ResendFailedDeliveries", "FetchDelivery", "ResendDelivery", "ListPause", "CreatePause", "FetchPause", "DeletePause",
    "ListListener", "CreateListener", "FetchListener", "RenewListener", "DeleteListener", "CheckSignature"]
# Without parameters and bodies, so there is no unfitting request to make of them.
MONITORING = ["FetchHealth", "FetchReadiness", "FetchMetrics", "FetchOpenAPIDocument"]
CASES = [
    *[pytest.param(name, GenerationMode.POSITIVE, id=f"{name}-fitting") for name in OPERATIONS + MONITORING],
    *[pytest.param(name, GenerationMode.NEGATIVE, id=f"{name}-unfitting") for name in OPERATIONS]]


@dataclasses.dataclass
class Resources:
    """Ids of what is really there, by the collection that holds it."""

    Configurations: str
    Operations: str
    Conversations: str
    Participants: str
    Deliveries: str
    Pauses: str
    Listeners: str


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of its own: its callbacks may stay on this machine."""
    server = Server(tmp_path_factory.mktemp("openapi"), PARLEY_WEBHOOK_ALLOW_PRIVATE="true", PARLEY_WEBHOOK_RETRIES="0").start()
    yield server
    try:
        server.stop()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def account(server):
    """An account of its own: the cases close and rename what they find."""
    return server.new_account("openapi")


@pytest.fixture
def real(account):
    # Cases make listeners too, and there is room for a few only.
    for old in account.get(LISTENERS).json["listeners"]:
        account.delete(f"{LISTENERS}/{old['id']}")
    accepted = account.post(CONFIGURATIONS, a_configuration(statusCallbacks=[{"url": NOWHERE}]))
    configuration = accepted.json["related"]["configurationId"]
    conversation = account.make_conversation(configuration)["id"]
    person = account.make_participant(conversation, sms(fresh_number()))["id"]
    delivery = account.get(DELIVERIES, conversationId=conversation).json["deliveries"][0]["id"]
    pause = account.post(PAUSES, {"url": f"{NOWHERE}/{conversation}"}).json["id"]
    listener = account.post(LISTENERS, {"url": NOWHERE, "expiresInSeconds": 3600}).json["id"]
    return Resources(configuration, accepted.headers["Operation-Id"], conversation, person, delivery, pause, listener)


@pytest.fixture(scope="module")
def document(server):
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json", timeout=ANSWER_SECONDS)


def put_real_ids_into(case, real):
    """Each parameter of the path stands right after the collection that it is an id of."""
    steps = case.operation.path.split("/")
    for collection, step in zip(steps, steps[1:]):
        if step.startswith("{"):
            case.path_parameters[step.strip("{}")] = getattr(real, collection)


def kept_at_home(value):
    """The same with another host in each URL."""
    if isinstance(value, dict):
        return {name: kept_at_home(member) for name, member in value.items()}
    if isinstance(value, list):
        return [kept_at_home(element) for element in value]
    return re.sub(r"^https?://[^/?#]*", NOWHERE, value, flags=re.IGNORECASE) if isinstance(value, str) else value


@pytest.mark.parametrize("operation_id,mode", CASES)
def test_every_answer_is_one_that_the_document_promises(document, account, real, operation_id, mode):
    """B-ERR-1, B-HDR-4 and every schema of the contract: no 5xx, no undeclared status, form, type or header"""
    operation = document.find_operation_by_id(operation_id)

    @settings(
        max_examples=CASES_PER_OPERATION, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(mode), with_real_ids=st.booleans())
    def check(case, with_real_ids):
        if with_real_ids and case.path_parameters:
            put_real_ids_into(case, real)
        case.body = kept_at_home(case.body)
        case.call_and_validate(base_url=account.url, auth=(account.sid, account.secret), timeout=ANSWER_SECONDS, checks=CHECKS)

    check()


def test_the_document_names_every_operation_that_is_tried_and_no_other(account):
    """The paths that need no login"""
    paths = account.send("GET", "/openapi.json", login=False).json["paths"].values()
    served = [operation["operationId"] for path in paths for name, operation in path.items() if name in METHODS]
    assert sorted(served) == sorted(OPERATIONS + MONITORING)
