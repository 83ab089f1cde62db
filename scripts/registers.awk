# SPDX-License-Identifier: MIT
# The table of docs/registers.md. First input: launches on the emulator, source|kernel|threads|dynamic bytes, without a
# source where a kernel is in a header. Second input: what ptxas says, source|kernel|chip|registers|static bytes|spilled
# bytes.

function up(x, step) { return int((x + step - 1) / step) * step }
function least(a, b) { return a < b ? a : b }

# Blocks that a multiprocessor holds at once, - when a block does not fit. Registers are dealt out to warps in steps of
# 256, by a quarter of the multiprocessor each; shared memory in steps of 128 bytes, with 1 KiB a block for the system.
function blocks(chip, registers, threads, shared,    warps, per_warp, n) {
  if (threads == 0) return "?"
  warps = up(threads, 32) / 32
  per_warp = up(32 * registers, 256)
  if (up(warps, 4) * per_warp > 65536 || up(shared, 128) > (shared_kib[chip] - 1) * 1024) return "-"
  n = least(most_blocks[chip], int(most_warps[chip] / warps))
  n = least(n, int(4 * int(16384 / per_warp) / warps))
  return least(n, int(shared_kib[chip] * 1024 / up(shared + 1024, 128)))
}

BEGIN {
  FS = "|"
  chips = split("sm_80 sm_86 sm_89 sm_90a", name, " ")
  # Of a multiprocessor: CUDA C++ Programming Guide, technical specifications per compute capability.
  split("64 48 48 64", warps_of, " "); split("32 16 24 32", blocks_of, " "); split("164 100 100 228", kib_of, " ")
  for (i = 1; i <= chips; i++) {
    most_warps[name[i]] = warps_of[i]; most_blocks[name[i]] = blocks_of[i]; shared_kib[name[i]] = kib_of[i]
  }
  print "| file | kernel | sm_80 | sm_86 | sm_89 | sm_90a | threads | static | dynamic | blocks | spilled |"
  print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
}

input == 1 {
  key = $1 SUBSEP $2
  if ($3 > threads[key]) threads[key] = $3
  if ($4 > dynamic[key]) dynamic[key] = $4
  next
}

{
  key = $1 SUBSEP $2
  if (!(key in files)) keys[++count] = key
  files[key] = $1; kernels[key] = $2; registers[key, $3] = $4
  if ($5 > static[key]) static[key] = $5
  if ($6 > spilled[key]) spilled[key] = $6
}

END {
  for (k = 1; k <= count; k++) {
    key = keys[k]
    from = files[key]; sub(/.*\//, "", from); from = from SUBSEP kernels[key]
    if (!(from in threads)) from = SUBSEP kernels[key]
    line = sprintf("| %s | `%s` |", files[key], kernels[key])
    held = ""
    for (i = 1; i <= chips; i++) {
      line = line sprintf(" %s |", registers[key, name[i]])
      held = held " " blocks(name[i], registers[key, name[i]], threads[from] + 0, static[key] + dynamic[from])
    }
    printf "%s %s | %d | %s |%s | %d |\n", line, threads[from] ? threads[from] : "?", static[key],
      threads[from] ? dynamic[from] + 0 : "?", held, spilled[key]
  }
}
