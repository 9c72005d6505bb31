"""What administrators do to keys and tenants stands in the log: who, what, to whom, and never a secret."""

from typing import Any

from tests.fakes.log_lines import lines
from tests.unit.doors.office import Office

PLANTED = {
    "name": "PLANTED-NAME", "scopes": ["read", "admin"], "limits": {"usd_per_day": "12.34"},
    "models": ["qwen-image-max"], "expires_in_days": 3,
}  # fmt: skip


def told(office: Office) -> list[dict[str, Any]]:
    """The lines, without what each line of the log has."""
    every = ("level", "location", "service", "timestamp")
    return [
        {name: value for name, value in line.items() if name not in every}
        for line in lines(office.api.scene.facts)
    ]


def test_each_act_is_one_line_with_the_key_that_asked_and_what_it_was_done_to(office: Office) -> None:
    secret, key_id = office.make(**PLANTED)
    path = f"/v1/keys/{key_id}"
    office.ask("PATCH", path, {"scopes": ["usage"], "limits": {"per_minute": 7}}, key=secret)
    office.ask("PATCH", path, {"scopes": ["usage"]})
    office.ask("POST", f"{path}/rotate", {"overlap_hours": 2})
    office.ask("DELETE", path)
    office.ask(
        "PATCH", "/v1/tenants/acme", {"limits": {"usd_per_month": 99}, "webhook": "https://h.example/s"}
    )
    admin, whose = {"by_key_id": office.key.id}, {"key_id": key_id, "tenant": "acme"}
    assert told(office) == [
        {
            "message": "key created", **admin, **whose, "scopes": "admin read",
            "changed": "expires_in_days limits models name scopes",
        },
        # Its own attempt to take `admin` from itself was refused: nothing was done.
        {"message": "key changed", **admin, **whose, "changed": "scopes", "scopes": "usage"},
        {"message": "key rotated", **admin, **whose, "overlap_hours": 2.0},
        {"message": "key revoked", **admin, **whose},
        {"message": "tenant changed", **admin, "tenant": "acme", "changed": "limits webhook"},
    ]  # fmt: skip


def test_no_line_tells_a_secret_a_part_of_one_or_what_was_set(office: Office) -> None:
    secret, key_id = office.make(**PLANTED)
    rotated = office.ask("POST", f"/v1/keys/{key_id}/rotate").body["secret"]
    office.ask(
        "PATCH",
        "/v1/tenants/acme",
        {"webhook": {"url": "https://h.example/s", "secret": "whsec_" + "A" * 40}},
    )
    written = str(lines(office.api.scene.facts))
    assert len(office.api.scene.facts) == 3
    for planted in (secret[:12], rotated[:12], office.secret[:12], "PLANTED", "12.34", "h.example", "whsec"):
        assert planted not in written


def test_what_was_refused_or_only_looked_at_is_no_act(office: Office) -> None:
    office.ask("GET", "/v1/keys")
    office.ask("GET", "/v1/tenants/acme")
    assert office.ask("POST", "/v1/keys", {"tenant": "ac.me"}).status == 422
    assert office.ask("DELETE", "/v1/keys/key_none").status == 404
    assert office.ask("DELETE", f"/v1/keys/{office.key.id}").status == 409
    assert told(office) == []
