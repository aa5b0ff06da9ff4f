using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>SQLite does what every database must; one process has the file.</summary>
public sealed class SqliteRegistryStateTests : RegistryStateTests
{
    private readonly TemporaryDirectory folder = new(inMemory: true);
    private StorageDirectory? directory;
    private RegistryDatabase? database;
    private ReadCache? cache;

    private protected override Task<(IRegistryState One, IRegistryState Other)> OpenAsync()
    {
        directory = new StorageDirectory(folder["registry"]);
        var reserve = new SpaceReserve(directory.Reserve);
        database = new RegistryDatabase(directory, reserve, Clock);
        cache = new ReadCache(Limits.ManifestCache.Bytes);
        var state = new SqliteRegistryState(
            database, cache, new RecentAccess(database), new FreeSpace(directory, reserve, new ByteSize(0)), Limits, Collection,
            Rules);
        return Task.FromResult<(IRegistryState, IRegistryState)>((state, state));
    }

    private protected override async ValueTask CloseAsync()
    {
        if (database is not null) await database.DisposeAsync();
        cache?.Dispose();
        directory?.Dispose();
        folder.Dispose();
    }

    private protected override string KeyOf(Digest digest) => digest.Value;
}
