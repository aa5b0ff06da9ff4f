using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace AuthIndex.RegistryCore.Metrics;

/// <summary>What the registry counts. Every label has few values, none of them a client's word.</summary>
internal sealed class RegistryMetrics
{
    private static readonly string[] Housekeepings = ["succeeded", "failed"];

    private readonly Counter<long> pulls;
    private readonly Counter<long> pushes;
    private readonly Counter<long> deletions;
    private readonly Counter<long> tokenChecks;
    private readonly Counter<long> collections;
    private readonly Counter<long> collected;
    private readonly Counter<long> collectedBytes;
    private readonly Counter<long> scrubbed;
    private readonly Counter<long> scrubbedBytes;
    private readonly Counter<long> scrubFailures;
    private readonly Counter<long> damaged;
    private readonly Counter<long> healed;
    private readonly Counter<long> unreadable;

    public RegistryMetrics(Meter meter)
    {
        pulls = meter.CreateCounter<long>("authindex.registry.pulls", description: "Manifests pulled.");
        pushes = meter.CreateCounter<long>("authindex.registry.pushes", description: "Manifests pushed.");
        deletions = meter.CreateCounter<long>("authindex.registry.deletions", description: "Manifests, tags and blobs deleted by clients.");
        tokenChecks = meter.CreateCounter<long>(
            "authindex.registry.token.checks",
            description: "Requests by the result of the token check: good, missing, insufficient, invalid, unjudged (the check was "
                + "unavailable) or malformed.");
        collections = meter.CreateCounter<long>(
            "authindex.gc.runs", description: "Garbage collections by outcome, dry runs not among them.");
        collected = meter.CreateCounter<long>("authindex.gc.removed", description: "What garbage collections removed, by kind.");
        collectedBytes = meter.CreateCounter<long>("authindex.gc.freed", "By", "Bytes that garbage collections gave back.");
        scrubbed = meter.CreateCounter<long>("authindex.scrub.checked", description: "Blobs and manifests compared with their digests.");
        scrubbedBytes = meter.CreateCounter<long>("authindex.scrub.read", "By", "Bytes of blobs compared with their digests.");
        scrubFailures = meter.CreateCounter<long>("authindex.scrub.failures", description: "Scrubs that could not go on.");
        damaged = meter.CreateCounter<long>("authindex.registry.damaged", description: "Blobs and manifests found damaged.");
        healed = meter.CreateCounter<long>(
            "authindex.registry.healed", description: "Blobs and manifests that were damaged and are whole again.");
        unreadable = meter.CreateCounter<long>(
            "authindex.registry.unreadable",
            description: "Reads of a blob whose bytes are missing, or that the object store did not give although it answered.");

        // What an alert looks at must be there before it happens.
        foreach (var counter in (Counter<long>[])[pulls, pushes, deletions, collectedBytes, scrubbed, scrubbedBytes, scrubFailures, damaged,
            healed, unreadable])
        {
            counter.Add(0);
        }

        foreach (var outcome in Housekeepings) collections.Add(0, new KeyValuePair<string, object?>("outcome", outcome));
    }

    /// <summary>The spans that the registry adds to those of its requests; none is made while nobody collects them.</summary>
    public static ActivitySource Traces { get; } = new("AuthIndex.RegistryCore");

    /// <summary>Counts a manifest that a client fetched with GET; HEAD does not count.</summary>
    public void Pulled() => pulls.Add(1);

    /// <summary>Counts a manifest that was pushed and stored.</summary>
    public void Pushed() => pushes.Add(1);

    /// <summary>A client deleted something.</summary>
    public void Deleted() => deletions.Add(1);

    /// <summary>A token was looked at.</summary>
    /// <param name="outcome">What became of it, one of few words.</param>
    public void TokenChecked(string outcome) => tokenChecks.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    /// <summary>A garbage collection removed things.</summary>
    public void Collected(long manifests, long links, long blobs, long leftovers, long bytes)
    {
        collections.Add(1, new KeyValuePair<string, object?>("outcome", Housekeepings[0]));
        collected.Add(manifests, new KeyValuePair<string, object?>("kind", "manifests"));
        collected.Add(links, new KeyValuePair<string, object?>("kind", "links"));
        collected.Add(blobs, new KeyValuePair<string, object?>("kind", "blobs"));
        collected.Add(leftovers, new KeyValuePair<string, object?>("kind", "leftovers"));
        collectedBytes.Add(bytes);
    }

    /// <summary>A garbage collection failed.</summary>
    public void CollectionFailed() => collections.Add(1, new KeyValuePair<string, object?>("outcome", Housekeepings[1]));

    /// <summary>Something was compared with its digest.</summary>
    public void Scrubbed(long bytes)
    {
        scrubbed.Add(1);
        scrubbedBytes.Add(bytes);
    }

    /// <summary>A scrub could not go on.</summary>
    public void ScrubFailed() => scrubFailures.Add(1);

    /// <summary>Something was found damaged.</summary>
    public void Damaged() => damaged.Add(1);

    /// <summary>Something is whole again.</summary>
    public void Healed() => healed.Add(1);

    /// <summary>A blob could not be read, although its store answers.</summary>
    public void Unreadable() => unreadable.Add(1);
}
