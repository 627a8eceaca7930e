//! Acts: plans, drives the scheduler, commits manifests.
