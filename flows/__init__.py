"""One folder per workflow; folder, function, flow, deployment and test folder share one name."""
