"""Sandbox vendors: one loopback server that speaks every vendor's wire contract and draws what it sells.

`engine` holds the tasks, their time and their bill; `mulerouter`, `pixeldojo`, `dashscope` and `aimlapi`
each hold one vendor's dialect; `server` does the HTTP; `control` lets tests look and change settings. It is
written from the vendors' contracts alone and never imports Easel's adapters, so that each checks the other.

A fault has one of three places: what a task comes to (`Order.failure`, `Task.done_at`, `Task.delivered`),
what an answer says or whether it is sent (around `Server.answer`, the one way from a `Request` to an
`Answer`), and how a vendor words it (a setting that its dialect reads).
"""
