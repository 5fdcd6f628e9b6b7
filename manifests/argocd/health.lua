-- Health of every kind of spiceharvester.dev for Argo CD; docs/kubernetes/gitops.md says where it goes.
local function condition(kind)
  for _, found in ipairs(((obj.status or {}).conditions) or {}) do
    if found.type == kind then
      return found
    end
  end
end

local function health(status, found)
  return { status = status, message = found and found.message or "waiting for the operator" }
end

if obj.spec and obj.spec.suspend then
  return { status = "Suspended", message = "spec.suspend is true" }
end
for _, kind in ipairs({ "DeletionBlocked", "Stalled" }) do
  local found = condition(kind)
  if found and found.status == "True" then
    return health("Degraded", found)
  end
end
local ready = condition("Ready")
local is_current = ready and (ready.observedGeneration or 0) >= (obj.metadata.generation or 0)
if is_current and ready.status == "True" then
  return health("Healthy", ready)
end
return health("Progressing", ready)
