"""onestop: one-stop settlement of medical bills (“一站式”结算). See ARCHITECTURE.md."""

ENGINE_VERSION = "1.0.0"
