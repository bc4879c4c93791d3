/// Prints a result, a line of JSON: the one thing that goes to standard output.
func report(_ json: String) { print(json) }

/// The median in microseconds of times in nanoseconds; 0 if there are none.
func median(_ nanoseconds: [Int64]) -> Double {
  guard !nanoseconds.isEmpty else { return 0 }
  let sorted = nanoseconds.sorted()
  return Double(sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2000
}
