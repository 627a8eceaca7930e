//! What both servers share: settings, logs, health, metrics, shutdown.
