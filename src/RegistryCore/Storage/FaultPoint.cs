namespace AuthIndex.RegistryCore.Storage;

/// <summary>The places before and after every step that makes something durable, where a test lets the process die.</summary>
internal enum FaultPoint
{
    UploadRecorded,
    UploadAppended,
    BlobBeforeSync,
    BlobSynced,
    BlobMoved,
    DirectorySynced,
    BeforeCommit,
    Committed,
    UploadEnded,
    RowsCollected,
    FileCollected,
    LeftoverCollected,
    TouchesWritten,
    BackupDatabaseCopied,
    BackupBlobCopied,
    BackupBlobsSynced,
    RestoreBlobCopied,
    RestoreDatabaseCopied,
    ImportBlobVerified,
    CopiedBlob,
    CopiedRows,
    CopyMarked,
    CopyCommitted,
}

/// <summary>
/// Kills the process at a fault point: the environment names the point and the hit at which it happens, as in
/// <c>AUTHINDEX_FAULT_POINT=BlobMoved:3</c>. Without the variable a point costs one comparison with a constant.
/// </summary>
internal static class Fault
{
    /// <summary>The environment variable.</summary>
    public const string Variable = "AUTHINDEX_FAULT_POINT";

    private static readonly FaultPoint? Armed = Read(out left);
    private static int left;

    /// <summary>Passes a point, or dies there.</summary>
    public static void Pass(FaultPoint point)
    {
        if (Armed is { } armed && armed == point && Interlocked.Decrement(ref left) == 0) Die();
    }

    private static FaultPoint? Read(out int hits)
    {
        hits = 0;
        if (Environment.GetEnvironmentVariable(Variable)?.Split(':') is not [var name, var count]) return null;
        hits = int.Parse(count);
        return Enum.Parse<FaultPoint>(name);
    }

    /// <summary>SIGKILL: no handler, no finaliser, no buffer is written; whoever calls never returns.</summary>
    private static void Die()
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        self.Kill();
        Thread.CurrentThread.Join();
    }
}
