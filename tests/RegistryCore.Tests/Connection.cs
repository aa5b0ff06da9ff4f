using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

internal static class Connection
{
    /// <summary>The connection of a registry, whose credential lies in the folder, to an index that a test plays.</summary>
    public static IndexConnection To(StandIn index, TemporaryDirectory folder, HttpClient http) => new(
        new RegistryIdentity("registry", folder["registry-credential"], folder.Root), new TokenServerLinkOptions { Url = index.Url }, http);
}
