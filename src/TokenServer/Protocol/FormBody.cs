using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>Reads the body of a form (<c>application/x-www-form-urlencoded</c>).</summary>
internal static class FormBody
{
    private const string MediaType = "application/x-www-form-urlencoded";

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the whole body; the text or the answer to give, never both.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">The largest body read.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="BadHttpRequestException">It is larger.</exception>
    public static async Task<(string? Form, ErrorAnswer? Error)> ReadAsync(HttpRequest request, int maxBytes, CancellationToken cancellationToken)
    {
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !type.MediaType.Equals(MediaType, StringComparison.OrdinalIgnoreCase)
            || (type.Charset.HasValue && !type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)))
        {
            return (null, ErrorAnswer.InvalidRequest($"the body is not a form: its Content-Type must be {MediaType}, in UTF-8"));
        }

        request.HttpContext.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = maxBytes;
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, cancellationToken);
        try
        {
            return (StrictUtf8.GetString(body.GetBuffer(), 0, (int)body.Length), null);
        }
        catch (DecoderFallbackException)
        {
            return (null, ErrorAnswer.InvalidRequest("the form is not UTF-8"));
        }
    }
}
