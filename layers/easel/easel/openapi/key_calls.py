"""The calls of the native API on keys and tenants."""

from easel.domain.ids import KEY_ID
from easel.domain.key_orders import KeyOrder, KeyTerms, Rotation, TenantTerms
from easel.domain.tenancy import TENANT, Scope
from easel.errors import ConflictError, InvalidRequestError, NotFoundError, UnauthorizedError
from easel.openapi.call import ALWAYS, FOUND, KEYED, POSTED, Call, Parameter, Schema, Told
from easel.openapi.key_answers import AskingKey, BookedKey, KeyList, NewSecret, Tenant

TAG = "Keys and limits"
KEY = Parameter("id", "path", "The key's id.", {"type": "string", "pattern": f"^{KEY_ID.pattern}$"})
TENANT_FORM: Schema = {"type": "string", "pattern": f"^{TENANT.pattern}$"}
NAME = Parameter("tenant", "path", "The tenant's name.", TENANT_FORM, "acme")
PAGE = (
    Parameter("tenant", "query", "Only this tenant's.", TENANT_FORM),
    Parameter(
        "cursor",
        "query",
        "The `next_cursor` of the page before.",
        {"type": "string", "pattern": f"^{TENANT.pattern}/{KEY_ID.pattern}$"},
    ),
)
MADE = tuple((name, "id", "$response.body#/id") for name in ("changeKey", "rotateKey", "revokeKey"))
MOVED = (NotFoundError, ConflictError)

KEYS = (
    Call(
        "GET", "/v1/key", "getOwnKey", TAG, None,
        {200: Told(AskingKey, "The key.")}, (UnauthorizedError, *ALWAYS),
    ),
    Call(
        "POST", "/v1/keys", "createKey", TAG, Scope.ADMIN,
        {201: Told(NewSecret, "The key and its secret.", links=MADE)}, POSTED, (), KeyOrder,
    ),
    Call(
        "GET", "/v1/keys", "listKeys", TAG, Scope.ADMIN,
        {200: Told(KeyList, "A page.")}, (*KEYED, InvalidRequestError), PAGE,
    ),
    Call(
        "PATCH", "/v1/keys/{id}", "changeKey", TAG, Scope.ADMIN,
        {200: Told(BookedKey, "The key as it is now.")}, (*POSTED, *MOVED), (KEY,), KeyTerms,
    ),
    Call(
        "POST", "/v1/keys/{id}/rotate", "rotateKey", TAG, Scope.ADMIN,
        {200: Told(NewSecret, "The key and its new secret.")},
        (*POSTED, *MOVED), (KEY,), Rotation, body_needed=False,
    ),
    Call(
        "DELETE", "/v1/keys/{id}", "revokeKey", TAG, Scope.ADMIN,
        {200: Told(BookedKey, "The key as it was.")}, (*FOUND, ConflictError), (KEY,),
    ),
    Call(
        "GET", "/v1/tenants/{tenant}", "getTenant", TAG, Scope.ADMIN,
        {200: Told(Tenant, "What is set.")}, (*FOUND, InvalidRequestError), (NAME,),
    ),
    Call(
        "PATCH", "/v1/tenants/{tenant}", "changeTenant", TAG, Scope.ADMIN,
        {200: Told(Tenant, "What is set now.")}, (*POSTED, *MOVED), (NAME,), TenantTerms,
    ),
)  # fmt: skip
