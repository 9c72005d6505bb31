"""Sandbox vendors: one loopback server that speaks every vendor's wire contract and draws what it sells.

`tasks` says what an order, a task and its bill are, `engine` keeps them; `mulerouter`, `pixeldojo`,
`dashscope` and `aimlapi` each hold one vendor's dialect; `server` does the HTTP, `files` serves the pictures;
`control` lets tests look, change settings and order faults; `memory` is what outlives the process, `keeper`
keeps it in a file. It is written from the vendors' contracts alone and never imports Easel's adapters, so
that each checks the other.

Faults: `faults` is the table of them and says how to order them, `fault_acts` what they do, `fault_plan`
which come by chance. `reception` stands before the dialects: it logs each submit (`submits`) and lets the
faults of submits and polls strike; those of tasks strike in `engine.accept`, those of pictures in `tasks` and
`files`; `sending` sends what is no whole answer. How a vendor words its answers is a setting that its dialect
reads.
"""
