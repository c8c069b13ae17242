// The law's reasons and limits in words; a reason that is new here is shown by its own name.
export const REASONS: Record<string, string> = {
  Bounds: "outside the bounds",
  HeldUnknownLag: "held: the lag is unknown",
  Idle: "idle",
  WentIdle: "went idle",
  LearningCapacity: "learning what a worker does",
  WokeUp: "woken",
  HeldStalled: "held: nothing is processed",
  HeldPodsNotStarting: "held: workers do not start",
  HeldStabilizing: "held for now",
  ArrivalRate: "arrivals",
  BacklogAboveTarget: "backlog above target",
  Steady: "steady",
  SinkCeiling: "the sink is at its limit",
  AtMaxReplicas: "at the maximum",
  LoadFell: "the load fell",
};

export const LIMITS: Record<string, string> = {
  queuedEvents: "the number of events",
  sinkCeiling: "what the sink takes",
  maxReplicas: "maxReplicas",
  minReplicas: "minReplicas",
  maxAge: "maxAgeSeconds",
  scaleUpStabilization: "scaleUp.stabilizationSeconds",
  scaleUpStep: "the step upwards",
  scaleDownStabilization: "scaleDown.stabilizationSeconds",
  scaleDownPercent: "the step downwards",
};
