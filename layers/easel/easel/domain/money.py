"""Money: an exact amount in a currency, or in a vendor's credits."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer

Amount = Annotated[Decimal, PlainSerializer(lambda amount: format(amount, "f"), return_type=str)]


class Money(BaseModel):
    """`{"amount": "0.075", "currency": "USD"}`; the currency is `credits` where a vendor counts so."""

    model_config = ConfigDict(frozen=True)

    amount: Amount
    currency: str

    @classmethod
    def of(cls, amount: str | int | Decimal, currency: str) -> Self:
        """An exact amount; a float is refused by its type."""
        return cls(amount=Decimal(amount), currency=currency)

    def times(self, count: int) -> Self:
        """The price of `count` pieces."""
        return self.model_copy(update={"amount": self.amount * count})
