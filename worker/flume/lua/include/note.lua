-- note: what a call tells about its queue: tokens it used, its pace, and when it comes again.
local function note(caller, ring, n, due, waiting)
  local time = ring.time
  add_usage(caller, ring, n)
  caller[PACE], caller[ASKED] = pace(caller, time) + n, time
  if n > 0 then caller[SINCE] = 0 end
  if n == 0 and due > 0 and caller[SINCE] == 0 then caller[SINCE] = time end
  if caller[NEXT] <= time then
    caller[TILL] = math.max(caller[TILL], caller[NEXT] + HOLD_MS)
    caller[NEXT] = next_due(caller, ring, waiting)
  end
  if due > 0 and (caller[NEXT] == 0 or due < caller[NEXT]) then caller[NEXT] = due end
end
