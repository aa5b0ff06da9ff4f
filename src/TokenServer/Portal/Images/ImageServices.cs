using AuthIndex.TokenServer.Portal.Images.Readmes;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal.Images;

/// <summary>The pages of images, and the way to the registries that hold them.</summary>
internal static class ImageServices
{
    /// <summary>Adds them.</summary>
    public static IServiceCollection AddImages(this IServiceCollection services) => services
        .AddSingleton<RegistryTokens>()
        .AddSingleton<RegistryClients>()
        .AddSingleton<TagActs>()
        .AddSingleton(_ => new ReadmeRenderer(ReadmeMarkdown.ToHtml))
        .AddSingleton<RepositoryDetails>()
        .AddSingleton<DeleteImageEndpoint>()
        .AddSingleton<ImagePageEndpoint>()
        .AddSingleton<DeletePageEndpoint>()
        .AddSingleton<RollBackEndpoint>();
}
