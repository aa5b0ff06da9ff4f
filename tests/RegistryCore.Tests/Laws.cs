using FsCheck;

namespace AuthIndex.RegistryCore.Tests;

internal static class Laws
{
    /// <summary>Tries the property on random values; the test fails with the smallest one that breaks it.</summary>
    public static void Check(this Property property) => FsCheck.Check.One(Config.QuickThrowOnFailure.WithQuietOnSuccess(true), property);
}
