-- gone: uids of owners that are gone, of which a late call must not be obeyed: the last eight.
local function is_gone(gone, uid)
  return string.find(' ' .. (gone or '') .. ' ', ' ' .. uid .. ' ', 1, true)
end

local function add_gone(gone, uid)
  if is_gone(gone, uid) then return gone end
  local all = {}
  for each in string.gmatch(string.sub(gone or '', -1000), '%S+') do all[#all + 1] = each end
  all[#all + 1] = string.sub(uid, 1, 100)
  return table.concat(all, ' ', math.max(1, #all - 7))
end
