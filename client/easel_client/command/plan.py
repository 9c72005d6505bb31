"""What a dry run says."""

from easel_client.catalogue import Plan, PlannedRoute
from easel_client.command.terminal import Terminal
from easel_client.command.words import amount, report_lines
from easel_client.durations import in_words


def show_plan(terminal: Terminal, plan: Plan) -> None:
    """The routes in their order with price and time, what becomes of the parameters, and who cannot do it."""
    terminal.data(plan.raw)
    terminal.table(
        ("", "route", "price", "about", "health", "because"),
        [_row(number, route) for number, route in enumerate(plan.routes, 1)],
        right=("price", "about"),
        wrap=True,
    )
    if not terminal.looked_at:
        return
    for route in plan.routes:
        if lines := report_lines(route.parameters):
            terminal.say(f"\n{route.route}:")
            for line in lines:
                terminal.say(f"  {line}")
    if plan.refused:
        terminal.say("\nThese cannot do it:")
        for name, problems in plan.refused.items():
            terminal.say(f"  {name}: {'; '.join(map(str, problems))}")
    if plan.reserves is not None:
        terminal.say(f"\nA budget would hold {plan.reserves}. Nothing was bought.")


def _row(number: int, route: PlannedRoute) -> tuple[str, ...]:
    price = amount(route.price, route.estimated_usd)
    return str(number), route.route, price, in_words(route.typical_seconds), route.health, route.because
