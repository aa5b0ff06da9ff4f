using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace AuthIndex.Hosting.Telemetry;

/// <summary>The process itself, under the names that Prometheus' own clients give such figures.</summary>
internal static class ProcessMetrics
{
    private static readonly string[] Generations = ["0", "1", "2"];

    /// <summary>Adds gauges and counters that are read when the page is.</summary>
    public static void Observe(Meter meter)
    {
        var started = StartTime();
        meter.CreateObservableGauge("process.start.time", () => started, "s", "When the process started, in Unix seconds.");
        meter.CreateObservableCounter("process.cpu", () => Environment.CpuUsage.TotalTime.TotalSeconds, "s", "Processor time used.");
        meter.CreateObservableGauge(
            "process.resident.memory", () => Environment.WorkingSet, "By", "Memory in use, as the system counts it.");
        meter.CreateObservableGauge(
            "process.open.fds",
            () => Directory.EnumerateFileSystemEntries("/proc/self/fd").LongCount(),
            description: "Open files and connections.");
        meter.CreateObservableGauge(
            "dotnet.gc.heap", () => GC.GetGCMemoryInfo().HeapSizeBytes, "By", "The managed heap after the last collection.");
        meter.CreateObservableCounter("dotnet.gc.allocated", () => GC.GetTotalAllocatedBytes(), "By", "Memory allocated since the start.");
        meter.CreateObservableCounter(
            "dotnet.gc.pause", () => GC.GetTotalPauseDuration().TotalSeconds, "s", "How long collections have held everything up.");
        meter.CreateObservableCounter(
            "dotnet.gc.collections", () => Generations.Select(
                (g, i) => new Measurement<long>(
                    GC.CollectionCount(i),
                    new KeyValuePair<string, object?>("generation", g))), description: "Collections of the managed heap.");
        meter.CreateObservableGauge("dotnet.thread.pool.threads", () => ThreadPool.ThreadCount, description: "Threads of the pool.");
        meter.CreateObservableGauge(
            "dotnet.thread.pool.queued", () => ThreadPool.PendingWorkItemCount, description: "Work that waits for a thread of the pool.");
    }

    private static double StartTime()
    {
        using var process = Process.GetCurrentProcess();
        return (process.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds;
    }
}
